"""Who may come in and over which wire: certificates, and later people, tokens and sessions."""
