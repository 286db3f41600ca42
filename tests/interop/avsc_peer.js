// npm's avsc at the other end of a test: `node avsc_peer.js <package> <work>`, a question in JSON on stdin, an answer on stdout.
// messages: {schema, values: [hex]} -> [{said: Avro's JSON, again: hex of the value written by avsc}]
// file: {file, copy} -> how many values it read from a container file and wrote to another, in blocks of its own
'use strict';
const fs = require('fs');
const avsc = require(process.argv[2]);

function messages(asked) {
  const type = avsc.Type.forSchema(asked.schema, {wrapUnions: true});
  return asked.values.map((hex) => {
    const value = type.fromBuffer(Buffer.from(hex, 'hex'));
    return {said: JSON.parse(type.toString(value)), again: type.toBuffer(value).toString('hex')};
  });
}

function file(asked, done) {
  let read = 0;
  avsc.createFileDecoder(asked.file, {wrapUnions: true})
    .on('metadata', (type) => {
      asked.encoder = avsc.createFileEncoder(asked.copy, type, {codec: 'deflate', blockSize: 2000});
      asked.encoder.on('finish', () => done(read));
    })
    .on('data', (value) => { read += 1; asked.encoder.write(value); })
    .on('end', () => asked.encoder.end());
}

const asked = JSON.parse(fs.readFileSync(0, 'utf8'));
const answer = (value) => process.stdout.write(JSON.stringify(value));
if (process.argv[3] === 'file') file(asked, answer);
else answer(messages(asked));
