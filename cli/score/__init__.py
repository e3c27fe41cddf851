"""`platform score`: what the models of machine health reach on public recordings, for anybody to measure again."""
