"""The guarded road of every tool call: thin wrappers stacked in one order.

tenant → permission, subscription, agent policy → pre-conditions → approval → execute → post-conditions → success
criteria, with the audit around them all, so that every exit is recorded, denials too.
"""
