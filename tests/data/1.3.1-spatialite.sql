-- The tables of openwisp-firmware-upgrader 1.3.1 on SpatiaLite.
-- Written by hand from its data model; no migration of this package made it.
-- Columns that later migrations of 1.3.1 added stand last, where they left them.

CREATE TABLE "firmware_upgrader_category" (
    "id" char(32) NOT NULL PRIMARY KEY,
    "created" datetime NOT NULL,
    "modified" datetime NOT NULL,
    "name" varchar(64) NOT NULL,
    "description" text NOT NULL,
    "organization_id" char(32) NULL REFERENCES "openwisp_users_organization" ("id") DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE "firmware_upgrader_build" (
    "id" char(32) NOT NULL PRIMARY KEY,
    "created" datetime NOT NULL,
    "modified" datetime NOT NULL,
    "version" varchar(32) NOT NULL,
    "changelog" text NOT NULL,
    "category_id" char(32) NOT NULL REFERENCES "firmware_upgrader_category" ("id") DEFERRABLE INITIALLY DEFERRED,
    "os" varchar(64) NULL
);
CREATE TABLE "firmware_upgrader_firmwareimage" (
    "id" char(32) NOT NULL PRIMARY KEY,
    "created" datetime NOT NULL,
    "modified" datetime NOT NULL,
    "type" varchar(128) NOT NULL,
    "build_id" char(32) NOT NULL REFERENCES "firmware_upgrader_build" ("id") DEFERRABLE INITIALLY DEFERRED,
    "file" varchar(255) NOT NULL
);
CREATE TABLE "firmware_upgrader_devicefirmware" (
    "id" char(32) NOT NULL PRIMARY KEY,
    "created" datetime NOT NULL,
    "modified" datetime NOT NULL,
    "installed" bool NOT NULL,
    "device_id" char(32) NOT NULL UNIQUE REFERENCES "config_device" ("id") DEFERRABLE INITIALLY DEFERRED,
    "image_id" char(32) NOT NULL REFERENCES "firmware_upgrader_firmwareimage" ("id") DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE "firmware_upgrader_batchupgradeoperation" (
    "id" char(32) NOT NULL PRIMARY KEY,
    "created" datetime NOT NULL,
    "modified" datetime NOT NULL,
    "build_id" char(32) NOT NULL REFERENCES "firmware_upgrader_build" ("id") DEFERRABLE INITIALLY DEFERRED,
    "upgrade_options" text NOT NULL CHECK ((JSON_VALID("upgrade_options") OR "upgrade_options" IS NULL)),
    "group_id" char(32) NULL REFERENCES "config_devicegroup" ("id") DEFERRABLE INITIALLY DEFERRED,
    "location_id" char(32) NULL REFERENCES "geo_location" ("id") DEFERRABLE INITIALLY DEFERRED,
    "status" varchar(12) NOT NULL
);
CREATE TABLE "firmware_upgrader_upgradeoperation" (
    "id" char(32) NOT NULL PRIMARY KEY,
    "created" datetime NOT NULL,
    "modified" datetime NOT NULL,
    "log" text NOT NULL,
    "device_id" char(32) NOT NULL REFERENCES "config_device" ("id") DEFERRABLE INITIALLY DEFERRED,
    "batch_id" char(32) NULL REFERENCES "firmware_upgrader_batchupgradeoperation" ("id") DEFERRABLE INITIALLY DEFERRED,
    "image_id" char(32) NULL REFERENCES "firmware_upgrader_firmwareimage" ("id") DEFERRABLE INITIALLY DEFERRED,
    "upgrade_options" text NOT NULL CHECK ((JSON_VALID("upgrade_options") OR "upgrade_options" IS NULL)),
    "progress" smallint unsigned NOT NULL CHECK ("progress" >= 0),
    "status" varchar(12) NOT NULL
);

CREATE UNIQUE INDEX "firmware_upgrader_category_name_organization_id_0b91be50_uniq" ON "firmware_upgrader_category" ("name", "organization_id");
CREATE INDEX "firmware_upgrader_category_name_b568ca64" ON "firmware_upgrader_category" ("name");
CREATE INDEX "firmware_upgrader_category_organization_id_0906438d" ON "firmware_upgrader_category" ("organization_id");
CREATE UNIQUE INDEX "firmware_upgrader_build_category_id_version_bbc77a78_uniq" ON "firmware_upgrader_build" ("category_id", "version");
CREATE INDEX "firmware_upgrader_build_version_435bb828" ON "firmware_upgrader_build" ("version");
CREATE INDEX "firmware_upgrader_build_category_id_71433ffe" ON "firmware_upgrader_build" ("category_id");
CREATE UNIQUE INDEX "firmware_upgrader_firmwareimage_build_id_type_c33ac25d_uniq" ON "firmware_upgrader_firmwareimage" ("build_id", "type");
CREATE INDEX "firmware_upgrader_firmwareimage_build_id_f7509c42" ON "firmware_upgrader_firmwareimage" ("build_id");
CREATE INDEX "firmware_upgrader_devicefirmware_image_id_6bdb1c36" ON "firmware_upgrader_devicefirmware" ("image_id");
CREATE INDEX "firmware_upgrader_batchupgradeoperation_build_id_6bc1b3ed" ON "firmware_upgrader_batchupgradeoperation" ("build_id");
CREATE INDEX "firmware_upgrader_batchupgradeoperation_group_id_88f79ea4" ON "firmware_upgrader_batchupgradeoperation" ("group_id");
CREATE INDEX "firmware_upgrader_batchupgradeoperation_location_id_a0e00ae1" ON "firmware_upgrader_batchupgradeoperation" ("location_id");
CREATE INDEX "firmware_upgrader_upgradeoperation_device_id_a9ee0f14" ON "firmware_upgrader_upgradeoperation" ("device_id");
CREATE INDEX "firmware_upgrader_upgradeoperation_batch_id_7ff1c2ef" ON "firmware_upgrader_upgradeoperation" ("batch_id");
CREATE INDEX "firmware_upgrader_upgradeoperation_image_id_5493e063" ON "firmware_upgrader_upgradeoperation" ("image_id");

INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0001_initial', datetime('now'));
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0002_default_permissions', datetime('now'));
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0003_private_media', datetime('now'));
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0004_batch_upgrade_operation_idle_status', datetime('now'));
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0005_build_os_identifier', datetime('now'));
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0006_create_device_firmware', datetime('now'));
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0007_nullable_upgrade_operation_image', datetime('now'));
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0008_firmware_image_baseurl', datetime('now'));
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0009_upgrade_options', datetime('now'));
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0010_alter_firmwareimage_file', datetime('now'));
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0011_alter_category_organization', datetime('now'));
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0012_update_image_type_identifiers', datetime('now'));
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0013_upgradeoperation_progress', datetime('now'));
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0014_alter_upgradeoperation_status', datetime('now'));
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0015_add_group_to_batchupgradeoperation', datetime('now'));
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0016_batchupgradeoperation_location', datetime('now'));
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0017_alter_batchupgradeoperation_status', datetime('now'));
