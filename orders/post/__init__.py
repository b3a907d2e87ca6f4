"""What the shop sends to shoppers: mails, and notifications to browsers that asked for them.

Subscribers write a row for each occasion; the sender takes due rows and sends them outside of
any transaction, at least once.
"""
