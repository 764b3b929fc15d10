import type { Approval, GateKind, Requirement, Verdict } from '@gantry/catalog';
import type { Digest } from '@gantry/oci';
import type { Flow } from '../context.ts';

/**
 * Something that must hold before a promotion. There is one implementation a kind, in the file of that name.
 *
 * A gate looks and says what it found: it changes nothing, and may be asked again. It fails closed: whatever it can not
 * find out is an unsatisfied requirement, and what it throws is one, too. What is missing but may still come (a result, an
 * approval, a source that answers 503) is `pending`; the promotion waits for it as long as the gate's configuration says.
 */
export interface Gate {
  /** Unique in its channel. */
  readonly name: string;
  readonly kind: GateKind;
  /** How long a promotion waits for what is pending, from when its gates were asked first; 0: it is refused at once. */
  readonly waitMs: number;
  /** Whose waiver of this gate counts; absent: that of whoever may approve for the channel. */
  readonly waivers?: WaiverRule;
  /** The names of all that it may ask for; absent: they show only when it is asked. */
  readonly requirements?: readonly string[];
  /** What this gate asks for, each with how it stands. None: there is nothing to ask for, so it is passed. */
  evaluate(subject: GateSubject, context: GateContext): Promise<readonly Requirement[]>;
}

/** Who may waive what a gate asks for. */
export interface WaiverRule {
  /** For people: `ada or the group release-board`. */
  readonly shown: string;
  /** Whether somebody may, by their name or a group they were in. */
  counts(person: Pick<Approval, 'by' | 'groups'>): boolean;
}

/** The image that is to come into a channel. */
export interface GateSubject {
  /** The channel's name, and that of the one that it takes from. */
  readonly channel: string;
  readonly from?: string;
  readonly repository: string;
  /** As it was asked for. */
  readonly reference: string;
  /** What is promoted, whatever its tag means by now. */
  readonly digest: Digest;
  readonly tags: readonly string[];
  /** Manifests that refer to the image or to what it contains, and those behind its companion tags. */
  readonly referrers: readonly Digest[];
  readonly companions: readonly { readonly tag: string; readonly digest: Digest }[];
  /** Who asked for the promotion. Absent: nobody yet, a decision is asked for beforehand. */
  readonly requestedBy?: string;
  readonly approvals: readonly Approval[];
  /** What gates said of it when they were asked before, of the same promotion; absent: they were not. */
  readonly verdicts?: readonly Verdict[];
}

/** What a gate works with. */
export interface GateContext {
  readonly flow: Flow;
  /** Aborted when the answer is not waited for any longer. */
  readonly signal: AbortSignal;
}
