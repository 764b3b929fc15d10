import { DIGEST_PATTERN, NAME_MAX_LENGTH, REFERENCE_PATTERNS } from '@gantry/oci';
import { z } from 'zod';

// Texts as OpenAPI shows them. What is none is refused by the parsers of @gantry/oci, in words and types of their own.

/** A published name. */
export const RepositoryText = z
  .string()
  .meta({ pattern: REFERENCE_PATTERNS.name, maxLength: NAME_MAX_LENGTH });

export const TagText = z.string().meta({ pattern: REFERENCE_PATTERNS.tag });

export const DigestText = z.string().meta({ pattern: DIGEST_PATTERN });

/** A tag or a digest. */
export const ReferenceText = z
  .string()
  .meta({ anyOf: [{ pattern: REFERENCE_PATTERNS.tag }, { pattern: DIGEST_PATTERN }] });
