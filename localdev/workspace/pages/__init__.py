"""The workspace's read-only web pages: jobs, runs and mail, for a browser on this machine."""
