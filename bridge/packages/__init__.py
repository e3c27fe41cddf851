"""Signed packages on site: verified, installed as a whole, taken back; their history stays here."""
