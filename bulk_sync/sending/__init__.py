"""Carry out a plan: decide what a reply means, when to send, whether to send at all, and send."""
