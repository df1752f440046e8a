-- A row a turn: who writes it first goes first, and everyone else waits (src/store/turn.rs).
CREATE TABLE zendo_turn (
    name VARCHAR(64) NOT NULL PRIMARY KEY,
    taken BIGINT NOT NULL
);
