-- oldest-compatible: 1
-- What tokens of an issuer may be encrypted with. The release before refuses such tokens and leaves the column alone.
ALTER TABLE issuer ADD COLUMN decryption TEXT;
