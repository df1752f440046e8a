-- When an account's last deactivation ended its tokens (src/resources/users/deactivation.rs).
CREATE TABLE zendo_deactivation (
    user_id CHAR(32) NOT NULL PRIMARY KEY,
    tokens_ended DATETIME NOT NULL
);
