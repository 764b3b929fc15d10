// The health check of MongoDB, run by mongosh: makes the replica set of one member and Gantry's user where they are not there
// yet, and is well when the member is the primary.
//
//     mongosh --nodb --norc --quiet mongodb.js
const { readFileSync } = require('node:fs');
const secret = (name) => readFileSync(`/run/secrets/${name}`, 'utf8').trim();

const admin = connect(
  `mongodb://root:${secret('mongodb-root-password')}@127.0.0.1:27017/admin?directConnection=true&serverSelectionTimeoutMS=3000`,
);
const { setName, isWritablePrimary } = admin.hello();
if (setName === undefined) {
  admin.adminCommand({
    replSetInitiate: { _id: 'gantry', members: [{ _id: 0, host: 'mongodb:27017' }] },
  });
  print('the replica set is made');
  quit(1); // the next check finds a primary
}
if (!isWritablePrimary) {
  print('this member is not the primary yet');
  quit(1);
}
const gantry = admin.getSiblingDB('gantry');
if (gantry.getUser('gantry') === null) {
  gantry.createUser({
    user: 'gantry',
    pwd: secret('mongodb-password'),
    roles: [{ role: 'readWrite', db: 'gantry' }],
  });
}
