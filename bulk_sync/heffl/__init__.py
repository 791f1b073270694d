"""The one API that is written to."""
