"""Get a spreadsheet of clients into a CRM: checked, planned, within the quota, and undoable."""
