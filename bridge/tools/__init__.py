"""Tools on site: look at signals, ask the historian, write what the site file allows.

What the platform asks for goes through `service`: arguments are checked again and the contract decides what leaves.
Whoever is on site sees everything. Writing has no way in from outside.
"""
