"""Bad manners: one thing is bent in what one side sends, and the other must say exactly why it does not like it."""
