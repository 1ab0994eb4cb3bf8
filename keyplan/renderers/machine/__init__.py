"""Text for programs: JSON, event lines, metrics, iCalendar and notifications."""
