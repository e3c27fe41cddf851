"""What is right and wrong with a bridge, looked at from where it stands; nothing is changed by looking."""
