import type { Ajv } from 'ajv';
import type { Ajv2020 } from 'ajv/dist/2020.js';
import type ajvDraft04 from 'ajv-draft-04';

/** An Ajv instance of any supported dialect. */
export type SchemaReader = Ajv | Ajv2020 | InstanceType<typeof ajvDraft04.default>;
