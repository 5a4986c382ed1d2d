"""Who may come in, and over which wire: people and their secrets, the audit log, the certificate."""
