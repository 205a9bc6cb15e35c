"""What jobs tell the world: e-mails and webhooks about their runs, written down first and delivered afterwards."""
