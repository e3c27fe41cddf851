"""How the machines are: who needs attention, how long they last, what happened, and whether it happened before."""
