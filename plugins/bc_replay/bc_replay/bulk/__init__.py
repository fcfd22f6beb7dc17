"""The exchange's bulk files and the listing of their bucket (protocol section 8).

keys      what a file is called and which time it covers
rows      the CSV of a file, out of a tape
zips      zips whose bytes depend on their content alone
damage    what is done to a file that a fault has met
press     makes the files of tapes, once their day or month is over
shelf     files given in a folder, laid out as in the bucket
bucket    what is there at an instant, faults included
pages     the pages of a listing, and their XML
resources the two Falcon resources
"""
