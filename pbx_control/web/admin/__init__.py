"""The pages of the office: supervisors and admins."""
