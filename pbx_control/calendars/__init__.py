"""Remote calendars: CalDAV and Google Calendar, read and written. They know nothing of the store."""
