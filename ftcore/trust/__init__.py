"""May an answer be believed? Explanations, label errors, abstention, noise, associations, forgetting."""
