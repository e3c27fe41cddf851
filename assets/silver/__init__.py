"""Silver: readings and events judged, fault episodes, signals by the hour, the reconciled books."""
