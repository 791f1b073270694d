"""What a person sees, on stderr: the plan, progress, problems, and how it ended."""
