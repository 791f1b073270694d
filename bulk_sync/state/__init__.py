"""What outlives runs: the quota, the ledger, locks."""
