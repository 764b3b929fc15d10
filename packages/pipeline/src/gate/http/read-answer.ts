import { asFault, parseStrictJson, printable } from '@gantry/oci';
import { z } from 'zod';

/** What a policy says: yes or no and why, or that it says nothing that can be understood. */
export type PolicyAnswer =
  | { readonly kind: 'allowed' | 'denied'; readonly reasons: readonly string[] }
  | { readonly kind: 'undefined' }
  | { readonly kind: 'invalid'; readonly why: string };

const REASONS_KEPT = 10;
const REASON_MAX_LENGTH = 300;

const Answer = z.object({
  result: z
    .union([z.boolean(), z.object({ allow: z.boolean(), reasons: z.array(z.string()).optional() })])
    .optional(),
});

/**
 * Reads the body of a data API's answer: `{"result": true}`, or `{"result": {"allow": true, "reasons": []}}`. Nothing
 * but a boolean is a yes: `"true"` and `1` are not. Without `result` the rule that was asked for is not defined.
 */
export function readPolicyAnswer(body: Uint8Array): PolicyAnswer {
  let json: unknown;
  try {
    json = parseStrictJson(body);
  } catch (error) {
    return { kind: 'invalid', why: asFault(error).message };
  }
  const { success, data } = Answer.safeParse(json);
  if (!success) return { kind: 'invalid', why: 'it is not {"result": true} nor {"result": {"allow": true}}' };
  const { result } = data;
  if (result === undefined) return { kind: 'undefined' };
  const { allow, reasons = [] } = typeof result === 'boolean' ? { allow: result } : result;
  return { kind: allow ? 'allowed' : 'denied', reasons: shown(reasons) };
}

function shown(reasons: readonly string[]): string[] {
  return reasons.slice(0, REASONS_KEPT).map((reason) => printable(reason.slice(0, REASON_MAX_LENGTH)));
}
