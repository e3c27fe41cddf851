"""Sites, contracts and real recordings the demo runs on."""
