"""The rules that the program and its documentation share: pure functions and records, without global state."""
