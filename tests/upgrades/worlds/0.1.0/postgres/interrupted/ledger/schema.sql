CREATE SCHEMA keyplan;
CREATE TABLE keyplan.history (
    manifest bigint NOT NULL,
    number bigint NOT NULL,
    token uuid DEFAULT gen_random_uuid() NOT NULL,
    document text NOT NULL
);
ALTER TABLE keyplan.history ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME keyplan.history_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE keyplan.intents (
    manifest bigint NOT NULL,
    id text NOT NULL,
    document text NOT NULL
);
CREATE TABLE keyplan.locks (
    manifest bigint NOT NULL,
    name text NOT NULL,
    number bigint NOT NULL,
    holder text,
    until timestamp with time zone,
    document text
);
CREATE TABLE keyplan.manifests (
    key bigint NOT NULL,
    account text NOT NULL,
    owner text NOT NULL,
    manifest_id text NOT NULL
);
ALTER TABLE keyplan.manifests ALTER COLUMN key ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME keyplan.manifests_key_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE keyplan.migrations (
    step integer NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
CREATE TABLE keyplan.receipts (
    manifest bigint NOT NULL,
    address text NOT NULL,
    document text NOT NULL
);
CREATE TABLE keyplan.spent (
    manifest bigint NOT NULL,
    digest text NOT NULL,
    token uuid DEFAULT gen_random_uuid() NOT NULL,
    document text NOT NULL
);
ALTER TABLE ONLY keyplan.history
    ADD CONSTRAINT history_pkey PRIMARY KEY (manifest, number);
ALTER TABLE ONLY keyplan.intents
    ADD CONSTRAINT intents_pkey PRIMARY KEY (manifest, id);
ALTER TABLE ONLY keyplan.locks
    ADD CONSTRAINT locks_pkey PRIMARY KEY (manifest, name);
ALTER TABLE ONLY keyplan.manifests
    ADD CONSTRAINT manifests_account_owner_manifest_id_key UNIQUE (account, owner, manifest_id);
ALTER TABLE ONLY keyplan.manifests
    ADD CONSTRAINT manifests_pkey PRIMARY KEY (key);
ALTER TABLE ONLY keyplan.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (step);
ALTER TABLE ONLY keyplan.receipts
    ADD CONSTRAINT receipts_pkey PRIMARY KEY (manifest, address);
ALTER TABLE ONLY keyplan.spent
    ADD CONSTRAINT spent_pkey PRIMARY KEY (manifest, digest);
ALTER TABLE ONLY keyplan.history
    ADD CONSTRAINT history_manifest_fkey FOREIGN KEY (manifest) REFERENCES keyplan.manifests(key);
ALTER TABLE ONLY keyplan.intents
    ADD CONSTRAINT intents_manifest_fkey FOREIGN KEY (manifest) REFERENCES keyplan.manifests(key);
ALTER TABLE ONLY keyplan.locks
    ADD CONSTRAINT locks_manifest_fkey FOREIGN KEY (manifest) REFERENCES keyplan.manifests(key);
ALTER TABLE ONLY keyplan.receipts
    ADD CONSTRAINT receipts_manifest_fkey FOREIGN KEY (manifest) REFERENCES keyplan.manifests(key);
ALTER TABLE ONLY keyplan.spent
    ADD CONSTRAINT spent_manifest_fkey FOREIGN KEY (manifest) REFERENCES keyplan.manifests(key);
