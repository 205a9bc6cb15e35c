"""What starts the runs of jobs by itself: schedules, intervals, arriving files and continuous jobs."""
