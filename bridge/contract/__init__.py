"""The data contract at work: pure functions from journaled readings to what leaves the site, and the books of it."""
