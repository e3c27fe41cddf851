"""The agent service: app, executor, providers and the offline analyst."""
