-- The tables of openwisp-firmware-upgrader 1.3.1 on PostgreSQL.
-- Written by hand from its data model; no migration of this package made it.
-- Columns that later migrations of 1.3.1 added stand last, where they left them.

CREATE TABLE "firmware_upgrader_category" (
    "id" uuid NOT NULL PRIMARY KEY,
    "created" timestamp with time zone NOT NULL,
    "modified" timestamp with time zone NOT NULL,
    "name" varchar(64) NOT NULL,
    "description" text NOT NULL,
    "organization_id" uuid NULL,
    CONSTRAINT "firmware_upgrader_category_name_organization_id_0b91be50_uniq" UNIQUE ("name", "organization_id"),
    CONSTRAINT "firmware_upgrader_ca_organization_id_0906438d_fk_openwisp_" FOREIGN KEY ("organization_id") REFERENCES "openwisp_users_organization" ("id") DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE "firmware_upgrader_build" (
    "id" uuid NOT NULL PRIMARY KEY,
    "created" timestamp with time zone NOT NULL,
    "modified" timestamp with time zone NOT NULL,
    "version" varchar(32) NOT NULL,
    "changelog" text NOT NULL,
    "category_id" uuid NOT NULL,
    "os" varchar(64) NULL,
    CONSTRAINT "firmware_upgrader_build_category_id_version_bbc77a78_uniq" UNIQUE ("category_id", "version"),
    CONSTRAINT "firmware_upgrader_bu_category_id_71433ffe_fk_firmware_" FOREIGN KEY ("category_id") REFERENCES "firmware_upgrader_category" ("id") DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE "firmware_upgrader_firmwareimage" (
    "id" uuid NOT NULL PRIMARY KEY,
    "created" timestamp with time zone NOT NULL,
    "modified" timestamp with time zone NOT NULL,
    "file" varchar(255) NOT NULL,
    "type" varchar(128) NOT NULL,
    "build_id" uuid NOT NULL,
    CONSTRAINT "firmware_upgrader_firmwareimage_build_id_type_c33ac25d_uniq" UNIQUE ("build_id", "type"),
    CONSTRAINT "firmware_upgrader_fi_build_id_f7509c42_fk_firmware_" FOREIGN KEY ("build_id") REFERENCES "firmware_upgrader_build" ("id") DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE "firmware_upgrader_devicefirmware" (
    "id" uuid NOT NULL PRIMARY KEY,
    "created" timestamp with time zone NOT NULL,
    "modified" timestamp with time zone NOT NULL,
    "installed" boolean NOT NULL,
    "device_id" uuid NOT NULL UNIQUE,
    "image_id" uuid NOT NULL,
    CONSTRAINT "firmware_upgrader_de_device_id_f50dd507_fk_config_de" FOREIGN KEY ("device_id") REFERENCES "config_device" ("id") DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT "firmware_upgrader_de_image_id_6bdb1c36_fk_firmware_" FOREIGN KEY ("image_id") REFERENCES "firmware_upgrader_firmwareimage" ("id") DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE "firmware_upgrader_batchupgradeoperation" (
    "id" uuid NOT NULL PRIMARY KEY,
    "created" timestamp with time zone NOT NULL,
    "modified" timestamp with time zone NOT NULL,
    "status" varchar(12) NOT NULL,
    "build_id" uuid NOT NULL,
    "upgrade_options" jsonb NOT NULL,
    "group_id" uuid NULL,
    "location_id" uuid NULL,
    CONSTRAINT "firmware_upgrader_ba_build_id_6bc1b3ed_fk_firmware_" FOREIGN KEY ("build_id") REFERENCES "firmware_upgrader_build" ("id") DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT "firmware_upgrader_ba_group_id_88f79ea4_fk_config_de" FOREIGN KEY ("group_id") REFERENCES "config_devicegroup" ("id") DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT "firmware_upgrader_ba_location_id_a0e00ae1_fk_geo_locat" FOREIGN KEY ("location_id") REFERENCES "geo_location" ("id") DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE "firmware_upgrader_upgradeoperation" (
    "id" uuid NOT NULL PRIMARY KEY,
    "created" timestamp with time zone NOT NULL,
    "modified" timestamp with time zone NOT NULL,
    "status" varchar(12) NOT NULL,
    "log" text NOT NULL,
    "device_id" uuid NOT NULL,
    "image_id" uuid NULL,
    "batch_id" uuid NULL,
    "upgrade_options" jsonb NOT NULL,
    "progress" smallint NOT NULL CHECK ("progress" >= 0),
    CONSTRAINT "firmware_upgrader_up_batch_id_7ff1c2ef_fk_firmware_" FOREIGN KEY ("batch_id") REFERENCES "firmware_upgrader_batchupgradeoperation" ("id") DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT "firmware_upgrader_up_device_id_a9ee0f14_fk_config_de" FOREIGN KEY ("device_id") REFERENCES "config_device" ("id") DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT "firmware_upgrader_up_image_id_5493e063_fk_firmware_" FOREIGN KEY ("image_id") REFERENCES "firmware_upgrader_firmwareimage" ("id") DEFERRABLE INITIALLY DEFERRED
);

CREATE INDEX "firmware_upgrader_category_name_b568ca64" ON "firmware_upgrader_category" ("name");
CREATE INDEX "firmware_upgrader_category_name_b568ca64_like" ON "firmware_upgrader_category" ("name" varchar_pattern_ops);
CREATE INDEX "firmware_upgrader_category_organization_id_0906438d" ON "firmware_upgrader_category" ("organization_id");
CREATE INDEX "firmware_upgrader_build_version_435bb828" ON "firmware_upgrader_build" ("version");
CREATE INDEX "firmware_upgrader_build_version_435bb828_like" ON "firmware_upgrader_build" ("version" varchar_pattern_ops);
CREATE INDEX "firmware_upgrader_build_category_id_71433ffe" ON "firmware_upgrader_build" ("category_id");
CREATE INDEX "firmware_upgrader_firmwareimage_build_id_f7509c42" ON "firmware_upgrader_firmwareimage" ("build_id");
CREATE INDEX "firmware_upgrader_devicefirmware_image_id_6bdb1c36" ON "firmware_upgrader_devicefirmware" ("image_id");
CREATE INDEX "firmware_upgrader_batchupgradeoperation_build_id_6bc1b3ed" ON "firmware_upgrader_batchupgradeoperation" ("build_id");
CREATE INDEX "firmware_upgrader_batchupgradeoperation_group_id_88f79ea4" ON "firmware_upgrader_batchupgradeoperation" ("group_id");
CREATE INDEX "firmware_upgrader_batchupgradeoperation_location_id_a0e00ae1" ON "firmware_upgrader_batchupgradeoperation" ("location_id");
CREATE INDEX "firmware_upgrader_upgradeoperation_device_id_a9ee0f14" ON "firmware_upgrader_upgradeoperation" ("device_id");
CREATE INDEX "firmware_upgrader_upgradeoperation_batch_id_7ff1c2ef" ON "firmware_upgrader_upgradeoperation" ("batch_id");
CREATE INDEX "firmware_upgrader_upgradeoperation_image_id_5493e063" ON "firmware_upgrader_upgradeoperation" ("image_id");

INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0001_initial', now());
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0002_default_permissions', now());
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0003_private_media', now());
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0004_batch_upgrade_operation_idle_status', now());
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0005_build_os_identifier', now());
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0006_create_device_firmware', now());
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0007_nullable_upgrade_operation_image', now());
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0008_firmware_image_baseurl', now());
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0009_upgrade_options', now());
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0010_alter_firmwareimage_file', now());
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0011_alter_category_organization', now());
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0012_update_image_type_identifiers', now());
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0013_upgradeoperation_progress', now());
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0014_alter_upgradeoperation_status', now());
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0015_add_group_to_batchupgradeoperation', now());
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0016_batchupgradeoperation_location', now());
INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('firmware_upgrader', '0017_alter_batchupgradeoperation_status', now());
