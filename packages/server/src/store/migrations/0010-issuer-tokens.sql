-- oldest-compatible: 1
-- The release before makes no access token of a trusted issuer's token. It refuses what this one makes: it finds no
-- credential with the issuer's id.
ALTER TABLE credential ADD COLUMN issuer_token TEXT;
