import { withoutCredentials } from './failures.ts';
import { addressIn } from './open-database.ts';

test('an address is shown without its user, its password and its options', () => {
  const cases: [url: string, name: string, database: string][] = [
    ['mongodb://localhost', 'mongodb://localhost/gantry', 'gantry'],
    ['mongodb://localhost:27017/', 'mongodb://localhost:27017/gantry', 'gantry'],
    ['mongodb://u:p%40ss@a:1,b:2/images?replicaSet=rs0', 'mongodb://a:1,b:2/images', 'images'],
    ['mongodb+srv://u:p@cluster.example.org/?w=1', 'mongodb+srv://cluster.example.org/gantry', 'gantry'],
    ['mongodb://u:p@h/im%61ges', 'mongodb://h/images', 'images'],
  ];
  for (const [url, name, database] of cases) expect(addressIn(url)).toEqual({ name, database });
});

test('what is no address of MongoDB is refused, and not shown', () => {
  for (const url of ['', 'http://u:secret@h/d', 'mongodb://', 'mongodb://u:secret@', 'mongodb:/u:secret@h']) {
    expect(() => addressIn(url)).toThrow(
      expect.objectContaining({
        code: 'CONFIGURATION_INVALID',
        message: expect.not.stringContaining('secret'),
      }),
    );
  }
});

test('credentials in an address that an error quotes are left out', () => {
  expect(withoutCredentials('can not reach "mongodb://u:secret@h:1/d" or mongodb+srv://v:secret@i/')).toBe(
    'can not reach "mongodb://h:1/d" or mongodb+srv://i/',
  );
});
