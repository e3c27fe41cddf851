"""Gold: key figures, baselines, deviations, health and remaining life."""
