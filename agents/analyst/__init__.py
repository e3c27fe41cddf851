"""The offline analyst: reads a question, finds its things and times, chooses tools by meaning, relays what they found.

It is not a language model. It writes nothing of its own about the plant: every fact in its answer is a sentence that a
tool wrote from its rows.
"""
