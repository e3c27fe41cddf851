"""The door bridges connect to: who they are, what they may send, and the log that takes it."""
