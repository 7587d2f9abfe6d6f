"""Where the truth comes from: LDAP servers and LDIF files, read into `model.Entry` values."""
