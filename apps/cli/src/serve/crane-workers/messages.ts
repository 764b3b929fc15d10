import type {
  ChangeableOptions,
  CountSample,
  CraneOptions,
  HighestSerial,
  MirrorReport,
  WantedObject,
} from '@gantry/app-crane';
import type { FaultCode, FaultDetails } from '@gantry/oci';

/** What the process that guides the workers tells one of them. Plain data: it goes as JSON. */
export type ToWorker =
  /** The first message, once the worker has `booted`. */
  | ({ readonly tell: 'start' } & WorkerStart)
  /** What is known of these mirrors now. */
  | { readonly tell: 'mirrors'; readonly reports: readonly MirrorReport[] }
  /** The tree has another serial than the worker serves. */
  | { readonly tell: 'look' }
  | ({ readonly tell: 'configure' } & ChangeableOptions)
  | { readonly tell: 'reopenAccessLog' }
  | { readonly tell: 'figures' }
  /** Answer what was accepted, and end. */
  | { readonly tell: 'end' };

/** What a worker tells. */
export type FromWorker =
  | { readonly tell: 'booted' }
  | { readonly tell: 'listening'; readonly url: string; readonly serial?: number }
  | { readonly tell: 'serving'; readonly serial?: number }
  | { readonly tell: 'configured' }
  | { readonly tell: 'suspect'; readonly mirror: string; readonly object: WantedObject }
  | ({ readonly tell: 'figures' } & WorkerFigures)
  /** It can't start, or go on, and ends. */
  | {
      readonly tell: 'failed';
      readonly code: FaultCode;
      readonly message: string;
      readonly details: FaultDetails;
    };

export interface WorkerStart {
  /** Which of the workers it is, from 1. */
  readonly place: number;
  readonly crane: Omit<CraneOptions, 'logger' | 'trustedKeys' | 'adminListen' | 'serialFile'>;
  /** In PEM. */
  readonly trustedKeys: readonly string[];
  readonly mirrors: readonly MirrorReport[];
  readonly highest?: HighestSerial;
}

export interface WorkerFigures {
  readonly counts: readonly CountSample[];
  readonly residentBytes: number;
  readonly cpuSeconds: number;
}
