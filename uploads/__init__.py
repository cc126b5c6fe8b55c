"""Files that people send to be loaded: what all kinds of them share, from the form to the refused rows."""
