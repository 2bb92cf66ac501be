"""Text formats of the field: MOT rows, AI City rows, and folders of recorded tracks."""
