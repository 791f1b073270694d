"""Where the parts are joined: check, plan, run, resume, retry, undo. Async, and knows no terminal."""
