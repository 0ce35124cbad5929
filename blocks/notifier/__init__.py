"""Who subscribed to a dashboard is told of new figures, and of alerts: the interface, and a folder for each way."""
