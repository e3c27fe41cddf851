"""What the plant did: its equipment and signals, their history, and the faults it raised."""
