"""What a shopper sees. Each view: parse, one service call, render or redirect."""
