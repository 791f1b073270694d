"""Columns become fields: the YAML that says how, and the compiled walk over each row.

The way in is :func:`bulk_sync.mapping.spec.load_mapping` and :func:`bulk_sync.mapping.mapper.compile_mapping`;
this package imports nothing by itself, so that the command line starts fast.
"""
