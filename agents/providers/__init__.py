"""Language-model providers behind one face; the offline analyst is one of them."""
