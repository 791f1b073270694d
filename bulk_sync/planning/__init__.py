"""What to send, and whether: pure functions over payloads and records, told the time and the counts.

The way of a row through here: :mod:`keys` finds its record in the :mod:`snapshot`, :mod:`merge` joins the
rows of one client, :mod:`differ` leaves only the fields that differ, :mod:`summary` counts, :mod:`guards`
looks for accidents, :mod:`canary` picks the first requests. :mod:`undo` and :mod:`stale` start from an
earlier plan.
"""
