import type { Modes, ReadOnlyMode } from '../access.ts';
import type { Database } from './database.ts';
import { recordIn, type Row } from './documents.ts';
import { isDuplicate } from './failures.ts';
import { firstWriter, newToken, type TokenRow, writerField, wroteSome } from './tokens.ts';

interface ModeRow extends Row, TokenRow {
  readonly version: number;
}

/** The mode's key. */
const READ_ONLY = 'read-only';

export function mongodbModes(database: Database): Modes {
  const rows = database.collection<ModeRow>('modes');
  return {
    async readOnly() {
      const row = await database.call(() => rows.findOne({ _id: READ_ONLY }));
      return row === null ? undefined : (recordIn(row) as ReadOnlyMode);
    },
    async setReadOnly(mode) {
      const token = newToken();
      const row = modeRow(mode, token);
      const { _id, document } = row;
      await database.call(async () => {
        for (;;) {
          const former = await rows.findOne({ _id });
          if (wroteSome(former, token)) return;
          if (former === null) {
            try {
              await rows.insertOne(row);
              return;
            } catch (error) {
              if (!isDuplicate(error)) throw error;
            }
          } else {
            // At the version that was read, so that an attempt which was given up can't follow a later write.
            const { version } = former;
            const { matchedCount } = await rows.updateOne(
              { _id, version },
              { $set: { document, ...writerField(version + 1, token) }, $inc: { version: 1 } },
            );
            if (matchedCount === 1) return;
          }
        }
      });
    },
  };
}

/** The row of a mode that nobody said before. */
export function modeRow(mode: ReadOnlyMode, token: string): ModeRow {
  return { _id: READ_ONLY, version: 1, writers: firstWriter(1, token), document: JSON.stringify(mode) };
}
